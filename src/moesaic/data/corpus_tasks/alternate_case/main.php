<?php

declare(strict_types=1);

function alternateCase(string $text): string
{
    $isUpper = false;
    $alternate = function (array $match) use (&$isUpper): string {
        $isUpper = !$isUpper;
        return $isUpper ? strtoupper($match[0]) : strtolower($match[0]);
    };
    return preg_replace_callback('/[a-z]/i', $alternate, $text);
}

$text = rtrim(fgets(STDIN), "\n");
echo alternateCase($text), PHP_EOL;
