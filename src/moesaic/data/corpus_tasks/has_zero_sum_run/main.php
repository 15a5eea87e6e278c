<?php

declare(strict_types=1);

function hasZeroSumRun(array $numbers): bool
{
    $sum = 0;
    $seen = [0 => true];
    foreach ($numbers as $number) {
        $sum += $number;
        if (isset($seen[$sum])) {
            return true;
        }
        $seen[$sum] = true;
    }
    return false;
}

$numbers = array_map(intval(...), explode(' ', fgets(STDIN)));
echo hasZeroSumRun($numbers) ? 'yes' : 'no', PHP_EOL;
