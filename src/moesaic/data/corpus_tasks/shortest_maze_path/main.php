<?php

declare(strict_types=1);

const STEPS = [[-1, 0], [1, 0], [0, -1], [0, 1]];

function findStart(array $maze): array
{
    $row = 0;
    while (!in_array('S', $maze[$row], true)) {
        $row++;
    }
    return [$row, array_search('S', $maze[$row], true)];
}

function shortestMazePath(array $maze): int
{
    $queue = new SplQueue();
    $queue->enqueue([...findStart($maze), 0]);
    while (!$queue->isEmpty()) {
        [$row, $column, $distance] = $queue->dequeue();
        $cell = $maze[$row][$column] ?? '#';
        if ($cell === 'E') {
            return $distance;
        }
        if ($cell !== '#') {
            $maze[$row][$column] = '#';
            foreach (STEPS as [$down, $right]) {
                $queue->enqueue([$row + $down, $column + $right, $distance + 1]);
            }
        }
    }
    return -1;
}

$maze = array_map(str_split(...), file('php://stdin', FILE_IGNORE_NEW_LINES));
echo shortestMazePath($maze), PHP_EOL;
