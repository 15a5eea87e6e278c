<?php

declare(strict_types=1);

const COINS = [50, 20, 10, 5, 2, 1];

function giveChange(int $amount): array
{
    $change = [];
    foreach (COINS as $coin) {
        if ($amount >= $coin) {
            $change[$coin] = intdiv($amount, $coin);
            $amount %= $coin;
        }
    }
    return $change;
}

[$price, $paid] = fscanf(STDIN, '%d %d');
$change = giveChange($paid - $price);
foreach ($change as $coin => $count) {
    echo "$coin $count", PHP_EOL;
}
if ($change === []) {
    echo 'exact', PHP_EOL;
}
