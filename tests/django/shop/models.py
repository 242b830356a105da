# SPDX-License-Identifier: BSD-2-Clause
from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=100)
    category = models.IntegerField(db_index=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    description = models.TextField()
