"""The administration door: JSON below ``/api/v1``, described by an OpenAPI document that is made from its code."""
