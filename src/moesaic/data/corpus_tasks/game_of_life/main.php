<?php

declare(strict_types=1);

function livingNeighbors(array $board, int $row, int $column): int
{
    $living = 0;
    for ($i = $row - 1; $i <= $row + 1; $i++) {
        for ($j = $column - 1; $j <= $column + 1; $j++) {
            $isNeighbor = [$i, $j] !== [$row, $column];
            if ($isNeighbor && ($board[$i][$j] ?? '.') === '#') {
                $living++;
            }
        }
    }
    return $living;
}

function gameOfLife(array $board): array
{
    $next = $board;
    foreach ($board as $row => $cells) {
        foreach ($cells as $column => $cell) {
            $next[$row][$column] = match (livingNeighbors($board, $row, $column)) {
                2 => $cell,
                3 => '#',
                default => '.',
            };
        }
    }
    return $next;
}

$lines = file('php://stdin', FILE_IGNORE_NEW_LINES);
$board = array_map(str_split(...), array_slice($lines, 1));
foreach (gameOfLife($board) as $cells) {
    echo implode('', $cells), PHP_EOL;
}
