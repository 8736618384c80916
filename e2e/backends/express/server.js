// An API that answers CORS in one of the ways that are copied most.
//
//	PORT=9000 node server.js package
'use strict';

const cors = require('cors');
const express = require('express');

const known = ['https://app.example.com'];

const ways = {
	// The package "cors" as its documentation shows it: an origin that is not known
	// is an error, which Express answers with a 500.
	package: cors({
		credentials: true,
		origin(origin, callback) {
			if (!origin || known.includes(origin)) {
				callback(null, true);
			} else {
				callback(new Error('Not allowed by CORS'));
			}
		},
	}),

	// By hand, with cookies: since "*" is refused there, the origin is sent back,
	// whichever it is.
	echo(req, res, next) {
		res.header('Access-Control-Allow-Origin', req.headers.origin || '*');
		res.header('Access-Control-Allow-Credentials', 'true');
		res.header('Access-Control-Allow-Headers', 'X-Requested-With, Content-Type');
		next();
	},

	// By hand, for all.
	star(req, res, next) {
		res.header('Access-Control-Allow-Origin', '*');
		next();
	},
};

const app = express();
app.use(ways[process.argv[2]]);
app.get('/', (req, res) => {
	res.vary('Accept-Language').send('hello');
});
app.get('/throw', () => {
	throw new Error('thrown');
});
app.listen(process.env.PORT, '127.0.0.1');
