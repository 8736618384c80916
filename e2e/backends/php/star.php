<?php
// One header for all, and an API that knows no OPTIONS.
header('Access-Control-Allow-Origin: *');
if (isset($_GET['throw'])) {
	throw new Exception('thrown');
}
if (isset($_GET['missing'])) {
	http_response_code(404);
} elseif ($_SERVER['REQUEST_METHOD'] != 'GET') {
	http_response_code(405);
}
echo 'hello';
