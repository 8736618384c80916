// A JSON API with the package "cors", whose options it takes as JSON.
//
//	node server.js /tmp/socket '{"origin":"https://app.example.com"}'
'use strict';

const cors = require('cors');
const express = require('express');

const app = express();
app.use(cors(JSON.parse(process.argv[3])));
app.use((req, res) => {
	res.json({});
});
app.listen(process.argv[2]);
