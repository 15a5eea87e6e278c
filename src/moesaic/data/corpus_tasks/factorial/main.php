<?php

declare(strict_types=1);

function factorial(int $number): int
{
    return $number === 0 ? 1 : $number * factorial($number - 1);
}

$number = (int) fgets(STDIN);
echo factorial($number), PHP_EOL;
