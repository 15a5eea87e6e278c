<?php

declare(strict_types=1);

function parseQueryString(string $address): array
{
    [, $query] = explode('?', $address, 2);
    $parameters = [];
    foreach (explode('&', $query) as $parameter) {
        [$name, $value] = explode('=', $parameter, 2);
        $parameters[$name] = strtr($value, '+', ' ');
    }
    ksort($parameters, SORT_STRING);
    return $parameters;
}

$address = trim(fgets(STDIN));
foreach (parseQueryString($address) as $name => $value) {
    echo "$name: $value", PHP_EOL;
}
