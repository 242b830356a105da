# SPDX-License-Identifier: BSD-2-Clause
import string
import sys

from aiohttp import web

from service import serve, start_worker

LINE = string.Template("<li id=$number>$name $words</li>")


async def work(request):
    body = serve(int(request.match_info["number"]), request, render)
    return web.Response(text=body, content_type="text/html")


def render(page):
    lines = [LINE.substitute(product) for product in page["products"]]
    return "\n".join(lines + ["%s=%s" % item for item in page["words"].items()])


def main():
    app = web.Application()
    app.add_routes([web.get("/work/{number}", work)])
    start_worker()
    web.run_app(app, path=sys.argv[1], print=None, access_log=None)


if __name__ == "__main__":
    main()
