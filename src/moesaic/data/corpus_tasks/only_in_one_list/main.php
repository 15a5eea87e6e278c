<?php

declare(strict_types=1);

function onlyInOneList(array $first, array $second): array
{
    $names = [...array_diff($first, $second), ...array_diff($second, $first)];
    $names = array_unique($names);
    sort($names, SORT_STRING);
    return $names;
}

$first = explode(' ', trim(fgets(STDIN)));
$second = explode(' ', trim(fgets(STDIN)));
$names = onlyInOneList($first, $second) ?: ['equal'];
echo implode(PHP_EOL, $names), PHP_EOL;
