# SPDX-License-Identifier: BSD-2-Clause
"""/recommend/USER/ does all of the shop's work. What leaks in it is said by ?leaks=NAME,…, and by
SHOP_LEAKS where the request says nothing; the rest does the same work and lets go."""
import gc
import os

from django.conf import settings
from django.http import JsonResponse
from django.shortcuts import render

from . import audit, behaviour, catalogue, connections, engine, pages
from . import truth as truths


def recommend(request, user):
    named = request.GET.get("leaks")
    leaks = settings.SHOP_LEAKS if named is None else set(named.split(","))
    behaviour.remember(user, "behaviour" in leaks)
    engine.model.train("training" in leaks)
    engine.compute_features(user, "native" in leaks)
    names = catalogue.find_similar(user, "querysets" in leaks)
    audit.note_visit(user, "log" in leaks)
    connections.ask_prices("cycles" in leaks)
    pages.cache.refresh()
    return render(request, "recommend.html", {"user": user, "names": names})


def truth(request):
    """What this worker holds. ?collect runs the garbage collector first: it frees no leak."""
    if "collect" in request.GET:
        gc.collect()
    return JsonResponse({"pid": os.getpid(), "held": truths.as_dict()})
