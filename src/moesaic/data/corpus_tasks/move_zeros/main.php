<?php

declare(strict_types=1);

function moveZeros(array $numbers): array
{
    $others = array_filter($numbers);
    return array_pad($others, count($numbers), 0);
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
foreach (moveZeros($numbers) as $number) {
    echo $number, PHP_EOL;
}
