<?php

declare(strict_types=1);

function runningTotals(array $numbers): array
{
    $totals = [];
    $total = 0;
    foreach ($numbers as $number) {
        $total += $number;
        $totals[] = $total;
    }
    return $totals;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo implode(PHP_EOL, runningTotals($numbers)), PHP_EOL;
