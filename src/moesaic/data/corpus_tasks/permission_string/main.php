<?php

declare(strict_types=1);

function permissionString(string $mode): string
{
    $bits = sprintf('%09b', octdec($mode));
    $letters = 'rwxrwxrwx';
    foreach (str_split($bits) as $index => $bit) {
        if ($bit === '0') {
            $letters[$index] = '-';
        }
    }
    return $letters;
}

$mode = trim(fgets(STDIN));
echo permissionString($mode), PHP_EOL;
