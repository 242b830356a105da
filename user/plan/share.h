/* SPDX-License-Identifier: BSD-2-Clause */
/* What recording may cost a target, in percent of its time, unless it is asked to at any
 * cost: where calls can be seen for moments, the budget of these; else, and of a
 * CPython, the larger share. */
#ifndef UNFREED_PLAN_SHARE_H
#define UNFREED_PLAN_SHARE_H

#define SHARE_PERCENT 25
#define SHARE_TEXT    SHARE_TEXT_OF(SHARE_PERCENT) " %"

#define BUDGET_PERCENT 5
#define BUDGET_NUMBER  SHARE_TEXT_OF(BUDGET_PERCENT)
#define BUDGET_TEXT    BUDGET_NUMBER " %"

#define SHARE_TEXT_OF(number)      SHARE_TEXT_OF_TOKEN(number)
#define SHARE_TEXT_OF_TOKEN(token) #token

#endif
