# SPDX-License-Identifier: BSD-2-Clause
"""Similar products: a cache of querysets, each of which holds the rows that it has fetched."""
import sys

from .models import Product
from .truth import Held, size

PRODUCTS = 100
CATEGORIES = size(20, 100)  # of PRODUCTS / CATEGORIES products each
DESCRIPTION = size(20_000, 600)
QUERYSET = 5300
HELD = Held("querysets")
similar_by_visit = {}


def find_similar(user, leak):
    similar = Product.objects.filter(category=user % CATEGORIES)
    names = []
    for product in similar:
        names.append(product.name)
    if leak and HELD.keeps(1, QUERYSET):
        similar_by_visit[len(similar_by_visit)] = similar
        HELD.add(sum(sys.getsizeof(product.description) for product in similar), len(names))
    return names


def create():
    """The table and its rows, in a database that is empty."""
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(Product)
    Product.objects.bulk_create(
        Product(name=f"Product {number}", category=number % CATEGORIES, price_cents=number,
                description=f"{number:05} " * (DESCRIPTION // 6))
        for number in range(PRODUCTS)
    )  # fmt: skip
    connection.close()
