<?php

declare(strict_types=1);

function powerOfNumber(int $base, int $exponent): int
{
    if ($exponent === 0) {
        return 1;
    }
    $half = powerOfNumber($base, intdiv($exponent, 2));
    return $exponent % 2 === 0 ? $half * $half : $half * $half * $base;
}

[$base, $exponent] = fscanf(STDIN, '%d %d');
echo powerOfNumber($base, $exponent), PHP_EOL;
