<?php

declare(strict_types=1);

function simplifyPath(string $path): string
{
    $stack = [];
    foreach (explode('/', $path) as $name) {
        if ($name === '..') {
            array_pop($stack);
        } elseif ($name !== '' && $name !== '.') {
            $stack[] = $name;
        }
    }
    return '/' . implode('/', $stack);
}

$path = trim(fgets(STDIN));
echo simplifyPath($path), PHP_EOL;
