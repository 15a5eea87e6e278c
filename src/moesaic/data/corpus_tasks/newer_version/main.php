<?php

declare(strict_types=1);

function newerVersion(string $first, string $second): string
{
    $left = array_map(intval(...), explode('.', $first));
    $right = array_map(intval(...), explode('.', $second));
    $length = max(count($left), count($right));
    return match (array_pad($left, $length, 0) <=> array_pad($right, $length, 0)) {
        1 => $first,
        -1 => $second,
        0 => 'equal',
    };
}

$first = trim(fgets(STDIN));
$second = trim(fgets(STDIN));
echo newerVersion($first, $second), PHP_EOL;
