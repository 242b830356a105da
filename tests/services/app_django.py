# SPDX-License-Identifier: BSD-2-Clause
import django.conf
import django.core.wsgi
import django.http
import django.template
import django.urls

from service import serve

PAGE = """<h1>{{ number }}</h1>{% for product in products %}
<li id={{ product.number }}>{{ product.name|title }} {{ product.words|join:", " }}</li>{% endfor %}
{% for word, value in words.items %}{{ word }}={{ value }} {% endfor %}"""


def work(request, number):
    return django.http.HttpResponse(serve(number, request, render))


def render(page):
    return TEMPLATE.render(django.template.Context(page))


urlpatterns = [django.urls.path("work/<int:number>", work)]
django.conf.settings.configure(
    SECRET_KEY="it serves a unix socket and keeps nothing",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
)
app = django.core.wsgi.get_wsgi_application()
TEMPLATE = django.template.Engine().from_string(PAGE)
