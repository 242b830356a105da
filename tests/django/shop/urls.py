# SPDX-License-Identifier: BSD-2-Clause
from django.urls import path

from . import views

urlpatterns = [
    path("recommend/<int:user>/", views.recommend),
    path("truth/", views.truth),
]
