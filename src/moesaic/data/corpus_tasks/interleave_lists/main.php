<?php

declare(strict_types=1);

function interleaveLists(array $first, array $second): array
{
    $mixed = [];
    foreach (array_map(null, $first, $second) as $pair) {
        array_push($mixed, ...$pair);
    }
    return array_filter($mixed, fn (?int $number): bool => $number !== null);
}

$first = array_map(intval(...), explode(' ', fgets(STDIN)));
$second = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(' ', interleaveLists($first, $second)), PHP_EOL;
