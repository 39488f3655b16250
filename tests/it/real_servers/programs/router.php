<?php
// A front controller as those of PHP frameworks: the path is found in REQUEST_URI.

function route(string|false|null $path): string
{
    if (!is_string($path)) {
        return '-';
    }
    foreach (['/files/private' => 'private', '/files' => 'files', '/admin' => 'admin'] as $prefix => $name) {
        if ($path === $prefix || str_starts_with($path, $prefix . '/')) {
            return $name;
        }
    }
    return 'open';
}

$uri = $_SERVER['REQUEST_URI'];
$path = explode('?', $uri)[0];
$parsed = parse_url($uri, PHP_URL_PATH);
echo implode(' ', [
    'raw=' . route($path),
    'decoded=' . route(rawurldecode($path)),
    'parse_url=' . route($parsed),
    'parse_url-decoded=' . route(is_string($parsed) ? rawurldecode($parsed) : $parsed),
]);
return true;
