<?php

declare(strict_types=1);

function capitalizeWords(string $text): string
{
    return ucwords($text, ' ');
}

$text = rtrim(fgets(STDIN), "\n");
echo capitalizeWords($text), PHP_EOL;
