<?php

declare(strict_types=1);

function mergeSortedLists(array $first, array $second): array
{
    $merged = [];
    $i = 0;
    foreach ($second as $number) {
        while ($i < count($first) && $first[$i] <= $number) {
            $merged[] = $first[$i++];
        }
        $merged[] = $number;
    }
    return array_merge($merged, array_slice($first, $i));
}

$first = array_map(intval(...), explode(' ', fgets(STDIN)));
$second = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, mergeSortedLists($first, $second)), PHP_EOL;
