<?php

declare(strict_types=1);

function daysBetweenDates(DateTimeInterface $first, DateTimeInterface $second): int
{
    return $first->diff($second)->days;
}

$first = new DateTimeImmutable(trim(fgets(STDIN)));
$second = new DateTimeImmutable(trim(fgets(STDIN)));
echo daysBetweenDates($first, $second), PHP_EOL;
