<?php

declare(strict_types=1);

function eulerTotient(int $n): int
{
    $totient = $n;
    for ($divisor = 2; $divisor * $divisor <= $n; $divisor++) {
        if ($n % $divisor !== 0) {
            continue;
        }
        $totient -= intdiv($totient, $divisor);
        while ($n % $divisor === 0) {
            $n = intdiv($n, $divisor);
        }
    }
    return $n > 1 ? $totient - intdiv($totient, $n) : $totient;
}

$n = (int) fgets(STDIN);
echo eulerTotient($n), PHP_EOL;
