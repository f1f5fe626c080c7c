"""What others build on: ``etlplus.plugins`` for a step of one's own, ``etlplus.testing`` for its tests."""
