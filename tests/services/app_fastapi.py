# SPDX-License-Identifier: BSD-2-Clause
import fastapi
import fastapi.responses
import jinja2

from service import serve, start_worker

PAGE = jinja2.Template("""<h1>{{ number }}</h1>{% for product in products %}
<li id={{ product.number }}>{{ product.name|title }} {{ product.words|join(", ") }}</li>{% endfor %}
{% for word, value in words.items() %}{{ word }}={{ value }} {% endfor %}""")

app = fastapi.FastAPI(on_startup=[start_worker])


@app.get("/work/{number}", response_class=fastapi.responses.HTMLResponse)
async def work(number: int, request: fastapi.Request):
    return serve(number, request, PAGE.render)
