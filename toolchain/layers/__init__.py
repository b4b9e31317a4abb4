"""One file a layer kind. ``registry.kinds()`` finds them; ``docs/new-layer.md`` says how to add one."""
