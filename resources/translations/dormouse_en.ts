<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>Format</name>
    <message numerus="yes">
        <source>%n byte(s)</source>
        <translation>
            <numerusform>%n byte</numerusform><numerusform>%n bytes</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n minute(s) ago</source>
        <translation>
            <numerusform>%n minute ago</numerusform><numerusform>%n minutes ago</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>in %n minute(s)</source>
        <translation>
            <numerusform>in %n minute</numerusform><numerusform>in %n minutes</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n minute(s)</source>
        <translation>
            <numerusform>%n minute</numerusform><numerusform>%n minutes</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n hour(s)</source>
        <translation>
            <numerusform>%n hour</numerusform><numerusform>%n hours</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n day(s)</source>
        <translation>
            <numerusform>%n day</numerusform><numerusform>%n days</numerusform></translation>
    </message>
</context>
<context>
    <name>Words</name>
    <message numerus="yes">
        <source>every %n minute(s)</source>
        <translation>
            <numerusform>every %n minute</numerusform><numerusform>every %n minutes</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>every %n hour(s)</source>
        <translation>
            <numerusform>every %n hour</numerusform><numerusform>every %n hours</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>keeps the last %n backup(s)</source>
        <translation>
            <numerusform>keeps the last %n backup</numerusform><numerusform>keeps the last %n backups</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::PlansPage</name>
    <message numerus="yes">
        <source>%n backup(s)</source>
        <translation>
            <numerusform>%n backup</numerusform><numerusform>%n backups</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::RestoreDialog</name>
    <message numerus="yes">
        <source>%n item(s)</source>
        <translation>
            <numerusform>%n item</numerusform><numerusform>%n items</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n file(s)</source>
        <translation>
            <numerusform>%n file</numerusform><numerusform>%n files</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n folder(s)</source>
        <translation>
            <numerusform>%n folder</numerusform><numerusform>%n folders</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n link(s) or other</source>
        <translation>
            <numerusform>%n link or other</numerusform><numerusform>%n links or other</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::RestorePage</name>
    <message numerus="yes">
        <source>%n selected</source>
        <translation>
            <numerusform>%n selected</numerusform><numerusform>%n selected</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::VolumeCard</name>
    <message numerus="yes">
        <source>%n local snapshot(s)</source>
        <translation>
            <numerusform>%n local snapshot</numerusform><numerusform>%n local snapshots</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::VolumesPage</name>
    <message numerus="yes">
        <source>Changes are no longer recorded, and the volume's %n local snapshot(s) will be lost. Backups in repositories stay.</source>
        <translation>
            <numerusform>Changes are no longer recorded, and the volume's %n local snapshot will be lost. Backups in repositories stay.</numerusform><numerusform>Changes are no longer recorded, and the volume's %n local snapshots will be lost. Backups in repositories stay.</numerusform></translation>
    </message>
</context>
<context>
    <name>dormouse::app::cli::Session</name>
    <message numerus="yes">
        <source>Stop protecting %1? Its %n local snapshot(s) will be lost; backups stay.</source>
        <translation>
            <numerusform>Stop protecting %1? Its %n local snapshot will be lost; backups stay.</numerusform><numerusform>Stop protecting %1? Its %n local snapshots will be lost; backups stay.</numerusform></translation>
    </message>
</context>
</TS>
