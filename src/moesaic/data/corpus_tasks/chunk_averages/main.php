<?php

declare(strict_types=1);

function chunkAverages(array $numbers, int $size): array
{
    $average = fn (array $group): float => array_sum($group) / count($group);
    return array_map($average, array_chunk($numbers, $size));
}

$size = (int) fgets(STDIN);
$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
foreach (chunkAverages($numbers, $size) as $average) {
    printf("%.2f\n", $average);
}
