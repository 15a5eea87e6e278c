<?php

declare(strict_types=1);

function secondLargest(array $numbers): int
{
    $different = array_unique($numbers);
    rsort($different);
    return $different[1] ?? $different[0];
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo secondLargest($numbers), PHP_EOL;
