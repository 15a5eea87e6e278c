<?php

declare(strict_types=1);

function dayOfYear(string $text): int
{
    $date = new DateTimeImmutable($text);
    return (int) $date->format('z') + 1;
}

echo dayOfYear(trim(fgets(STDIN))), PHP_EOL;
