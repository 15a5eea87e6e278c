<?php

declare(strict_types=1);

function taskOrder(int $size, array $pairs): array
{
    $waitsFor = array_fill(1, $size, 0);
    foreach ($pairs as [, $after]) {
        $waitsFor[$after]++;
    }
    $ready = new SplMinHeap();
    foreach (array_keys($waitsFor, 0, true) as $task) {
        $ready->insert($task);
    }
    $order = [];
    while (!$ready->isEmpty()) {
        $order[] = $task = $ready->extract();
        foreach ($pairs as [$before, $after]) {
            if ($before === $task && --$waitsFor[$after] === 0) {
                $ready->insert($after);
            }
        }
    }
    return $order;
}

$size = (int) fgets(STDIN);
$pairs = [];
while ($pair = fscanf(STDIN, '%d %d')) {
    $pairs[] = $pair;
}
echo implode(PHP_EOL, taskOrder($size, $pairs)), PHP_EOL;
