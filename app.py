"""The API's Lambda: a Chalice application with our routes in it, and nothing else."""

from chalice import Chalice

from chalicelib.api import api
from chalicelib.bootstrap.cloud import cloud

app = Chalice(app_name="etlplus")
api.install(app, cloud)
