<?php

declare(strict_types=1);

function isLeapYear(int $year): bool
{
    if ($year % 100 === 0) {
        return $year % 400 === 0;
    }
    return $year % 4 === 0;
}

$year = (int) fgets(STDIN);
echo isLeapYear($year) ? 'yes' : 'no', PHP_EOL;
