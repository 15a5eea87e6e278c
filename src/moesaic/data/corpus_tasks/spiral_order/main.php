<?php

declare(strict_types=1);

function turnLeft(array $matrix): array
{
    $turned = [];
    foreach ($matrix as $row) {
        foreach (array_reverse($row) as $i => $number) {
            $turned[$i][] = $number;
        }
    }
    return $turned;
}

function spiralOrder(array $matrix): array
{
    $order = [];
    while ($matrix !== []) {
        array_push($order, ...array_shift($matrix));
        $matrix = turnLeft($matrix);
    }
    return $order;
}

$lines = file('php://stdin', FILE_IGNORE_NEW_LINES);
$matrix = [];
foreach (array_slice($lines, 1) as $line) {
    $matrix[] = explode(' ', $line);
}
echo implode(' ', spiralOrder($matrix)), PHP_EOL;
