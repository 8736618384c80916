"""An API with django-cors-headers, in one file.

	/usr/bin/python3 app.py runserver --noreload 127.0.0.1:9000
"""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.vary import vary_on_headers

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    INSTALLED_APPS=["corsheaders"],
    # In this order, what CommonMiddleware answers itself, such as a redirect to the
    # path with a slash, never meets CorsMiddleware.
    MIDDLEWARE=[
        "django.middleware.common.CommonMiddleware",
        "corsheaders.middleware.CorsMiddleware",
    ],
    CORS_ALLOWED_ORIGINS=["https://app.example.com"],
    CORS_ALLOW_CREDENTIALS=True,
)


@vary_on_headers("Accept-Language")
def hello(request):
    return HttpResponse("hello")


def throw(request):
    raise ValueError("thrown")


urlpatterns = [path("", hello), path("items/", hello), path("throw", throw)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
