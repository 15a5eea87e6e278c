<?php

declare(strict_types=1);

function integerSquareRoot(int $number): int
{
    $root = 0;
    $above = $number + 1;
    while ($above - $root > 1) {
        $middle = intdiv($root + $above, 2);
        if ($middle * $middle <= $number) {
            $root = $middle;
        } else {
            $above = $middle;
        }
    }
    return $root;
}

echo integerSquareRoot((int) fgets(STDIN)), PHP_EOL;
