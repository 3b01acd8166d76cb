"""The sample newsroom that `newsletter demo` sets up: articles, pictures and readers, all invented."""
