<?php

declare(strict_types=1);

const LINES = [
    [0, 1, 2], [3, 4, 5], [6, 7, 8],
    [0, 3, 6], [1, 4, 7], [2, 5, 8],
    [0, 4, 8], [2, 4, 6],
];

function ticTacToeWinner(string $board): string
{
    foreach (LINES as [$a, $b, $c]) {
        $isLine = $board[$a] === $board[$b] && $board[$b] === $board[$c];
        if ($isLine && $board[$a] !== '.') {
            return $board[$a];
        }
    }
    return str_contains($board, '.') ? 'open' : 'draw';
}

$rows = file('php://stdin', FILE_IGNORE_NEW_LINES);
echo ticTacToeWinner(implode('', $rows)), PHP_EOL;
