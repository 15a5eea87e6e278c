<?php

declare(strict_types=1);

function movingMaximum(array $numbers, int $size): array
{
    $maximums = [];
    for ($start = 0; $start + $size <= count($numbers); $start++) {
        $maximums[] = max(array_slice($numbers, $start, $size));
    }
    return $maximums;
}

$size = (int) fgets(STDIN);
$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', movingMaximum($numbers, $size)), PHP_EOL;
