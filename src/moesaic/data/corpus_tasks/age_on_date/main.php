<?php

declare(strict_types=1);

function ageOnDate(DateTimeImmutable $birth, DateTimeImmutable $date): int
{
    $age = (int) $date->format('Y') - (int) $birth->format('Y');
    $isStillToCome = $date->format('md') < $birth->format('md');
    return $isStillToCome ? $age - 1 : $age;
}

$birth = DateTimeImmutable::createFromFormat('!d.m.Y', trim(fgets(STDIN)));
$date = DateTimeImmutable::createFromFormat('!d.m.Y', trim(fgets(STDIN)));
echo ageOnDate($birth, $date), PHP_EOL;
