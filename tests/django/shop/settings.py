# SPDX-License-Identifier: BSD-2-Clause
"""SHOP_DATA: directory of the database. SHOP_LEAKS: names of what leaks, by default."""
import os

SECRET_KEY = "it serves a unix socket and keeps nothing"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
INSTALLED_APPS = ["shop"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.path.join(os.environ["SHOP_DATA"], "shop.sqlite3"),
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"kept": {"class": "shop.audit.KeepingHandler"}},
    "loggers": {"shop.audit": {"handlers": ["kept"], "level": "INFO", "propagate": False}},
}

SHOP_LEAKS = frozenset(filter(None, os.environ.get("SHOP_LEAKS", "").split(",")))
