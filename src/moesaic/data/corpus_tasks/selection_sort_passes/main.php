<?php

declare(strict_types=1);

function selectionSortPasses(array $numbers): Generator
{
    $count = count($numbers);
    for ($start = 0; $start < $count - 1; $start++) {
        $smallest = $start;
        for ($i = $start + 1; $i < $count; $i++) {
            if ($numbers[$i] < $numbers[$smallest]) {
                $smallest = $i;
            }
        }
        [$numbers[$start], $numbers[$smallest]] = [$numbers[$smallest], $numbers[$start]];
        yield $numbers;
    }
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
foreach (selectionSortPasses($numbers) as $pass) {
    echo implode(' ', $pass), PHP_EOL;
}
