# Varnish as a cache in front of Caddy. A test fills in $HOST and $PORT.
vcl 4.1;

backend caddy {
	.host = "$HOST";
	.port = "$PORT";
}

sub vcl_backend_response {
	# What is stale is asked for again at once, with its ETag, and not served until then.
	set beresp.grace = 0s;
	set beresp.keep = 1m;
}
