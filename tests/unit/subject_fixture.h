/* SPDX-License-Identifier: BSD-2-Clause */
/* Subjects of an inquiry in a made-up interpreter (object_fixture.h). */
#ifndef TEST_SUBJECT_FIXTURE_H
#define TEST_SUBJECT_FIXTURE_H

#include "object_fixture.h"
#include "service/subjects.h"

/* A look, and what the subjects make of it from look number `first` on; they borrow the fixture's
 * objects. */
static inline void look_and_update(struct fixture *fixture, struct subjects *subjects,
				   unsigned int first)
{
	struct patient patient = {0};

	look(fixture);
	patient.objects = fixture->objects;
	if (fixture->objects.looks >= first)
		subjects_update(subjects, &patient);
}

#endif
