<?php

declare(strict_types=1);

function fibonacciNumber(int $n): int
{
    [$current, $next] = [0, 1];
    for ($i = 0; $i < $n; $i++) {
        [$current, $next] = [$next, $current + $next];
    }
    return $current;
}

$n = (int) fgets(STDIN);
echo fibonacciNumber($n), PHP_EOL;
