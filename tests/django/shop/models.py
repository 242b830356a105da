# SPDX-License-Identifier: BSD-2-Clause
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=100)
    category = models.IntegerField(db_index=True)
    price_cents = models.IntegerField()
    description = models.TextField()
