"""The laptop: what AWS gives in the cloud, as processes that live as long as somebody needs them."""
