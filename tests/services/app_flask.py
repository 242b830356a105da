# SPDX-License-Identifier: BSD-2-Clause
import flask

from service import serve

PAGE = """<h1>{{ number }}</h1>{% for product in products %}
<li id={{ product.number }}>{{ product.name|title }} {{ product.words|join(", ") }}</li>{% endfor %}
{% for word, value in words.items() %}{{ word }}={{ value }} {% endfor %}"""

app = flask.Flask(__name__)


@app.route("/work/<int:number>")
def work(number):
    return serve(number, flask.request._get_current_object(), render)


def render(page):
    return flask.render_template_string(PAGE, **page)
