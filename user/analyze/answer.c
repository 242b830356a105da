// SPDX-License-Identifier: BSD-2-Clause
#include "answer.h"

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = {
#define X(id, name) [VERDICT_##id] = name,
		VERDICT_LIST(X)
#undef X
	};

	return names[verdict];
}
